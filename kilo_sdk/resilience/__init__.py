"""What keeps calls going when the gateway does not: a retry budget, limits, reports.

``RetryBudget`` and ``Limits`` are shared by the calls of a client, a ``TryReport`` tells of
one try. How often a call is tried is ``retry``'s to decide.
"""
