"""One contract for every engine: what the labs teach, asked of Docker and of this kit's own engine alike. A
difference is a bug, or a refusal that `Target.lacks` documents."""
