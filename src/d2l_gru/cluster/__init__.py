"""Training on several machines, with the launchers in MXNet's wheel."""
