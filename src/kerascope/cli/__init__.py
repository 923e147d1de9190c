"""The command line, one file per subcommand; the work is done in `api`."""
