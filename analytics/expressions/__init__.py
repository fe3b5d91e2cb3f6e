"""What every analysis counts, as Ibis expressions on the tables of `events.engine.tables`: plain functions."""
