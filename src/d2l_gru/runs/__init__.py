"""Training from the shell: runs that can be stopped and go on, and what they save."""
