"""What changing the program did: outcomes of trial runs, compared with the run as it was."""
