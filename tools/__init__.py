"""What contributors run: the catalogues of other languages, the recordings in data/, what a release needs."""
