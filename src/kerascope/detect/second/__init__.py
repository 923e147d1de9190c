"""The second look: the user's own code, run again on the recorded batch when the training is over.

Contracts and smells are the machinery; what they find becomes an event of the recording, from which
`detect.examined` makes findings, then and whenever the recording is judged again.
"""
