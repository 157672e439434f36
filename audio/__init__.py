"""Sound as numbers: formats of the wire, filters, rates, and the devices that record and play."""
