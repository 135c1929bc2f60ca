"""Long runs under load and random failures; bounded in time."""
