"""Why a line of the user's failed: the expression, its operands, the rule that is broken, where it went wrong."""
