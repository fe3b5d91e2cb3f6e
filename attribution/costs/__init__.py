"""What campaigns cost: spend as it is told, exchange rates, and what it brought."""
