"""`python -m voltutor`, the same as the command."""

from voltutor.cli import main

raise SystemExit(main())
