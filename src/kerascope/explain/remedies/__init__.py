"""From a finding and its levers to edits of the user's source, as unified diffs."""
