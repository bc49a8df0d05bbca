"""Training from the shell: runs that can be stopped and resumed, and what they save."""
