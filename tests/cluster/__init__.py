"""`make cluster`: gateways behind a real balancer, and what callers lose when one of them goes."""
