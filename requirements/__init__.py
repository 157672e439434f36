"""What is installed beside the server, one file of it per purpose, and the programs that do so.

`make run` begins at `set_up.py`, `make lock` at `measure_downloads.py`, `make check` at `audit.py`;
a build of the wheel reads the files by `build_hook.py`.
"""
