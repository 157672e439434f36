"""llama.cpp with a model made on the spot: the code that users' models run in, without theirs."""
