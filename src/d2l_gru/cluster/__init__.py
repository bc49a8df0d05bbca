"""Training on several machines, by the launchers in MXNet's wheel."""
