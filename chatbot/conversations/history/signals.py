"""What others may want to know of an import; this floor does not know who listens."""

from django.dispatch import Signal

consent_imported = Signal()
"""Sent with `conversation` and `granted` when a record says whether its customer agreed to be learnt from."""
