"""Actions: what runs at the start, after a loop and at the end of a run.

`runner` goes through an action's tasks in order; one file a task says what it does, `templates`
and `conditions` fill in and decide, an executor (`processes`) runs what is to be run.
"""
