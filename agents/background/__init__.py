"""Work without a play behind it: sweeps, delayed lists, the popular lists."""
