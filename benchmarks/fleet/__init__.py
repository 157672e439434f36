"""A fleet on paper: how many machines for how many sessions, and what happens when some of them go.

`figures` has every number that goes in, each with its source. `sizing` multiplies; `erlang` and
`pools` are about models that many gateways share; `gateways`, with `autoscaler` and `clients`, is a
simulation of pods that fill, drain, die and are added, and `runs`, `drains`, `updates`, `surges`,
`losses` and `balance` are what is done to them. `page` writes the tables into `docs/scaling.md`.

Everything comes from a seed: the same figures make the same page, in seconds.
"""
