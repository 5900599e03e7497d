"""What reviewers ask of a study of robustness, asked beforehand.

Reading and judging of plans only: nothing here runs anything, and what it finds is advice, never a refusal.
"""
