"""What an operator asks for: check, status, reconcile, simulate."""
