"""What calls cost: prices and estimates, sums over calls, budgets."""
