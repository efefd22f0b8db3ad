"""Where feedback comes from; every kind gives the same batches."""
