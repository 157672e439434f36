#!/bin/sh
# Takes from the environment of an image what a server has no use for. `Dockerfile` runs it, in the
# folder of the checkout, with the packages to leave out besides. What each line saves is measured
# on x86-64 with Python 3.13.
set -eu

site=$(python -c "import sysconfig; print(sysconfig.get_path('purelib'))")

# The terminal client's (15 MB), and numba, which Pipecat asks for because of resampy: of a module
# that the server never imports (230 MB). Processors of one's own that want Pipecat's
# ResampyResampler are for an image of one's own.
gone=$(python -m requirements.leave_out textual sounddevice numba resampy "$@")
# shellcheck disable=SC2086
pip uninstall --yes --quiet $gone

# Tests of libraries (45 MB).
find "$site" -depth -type d \( -name tests -o -name test \) -exec rm -rf {} +

# Debugging symbols (90 MB). Not those of *.libs: strip breaks libraries that auditwheel has moved.
find "$site" -type f -name "*.cpython-*.so" -exec strip --strip-debug {} +

# A second ONNX Runtime, for programs in C (35 MB): Python's module has its own.
rm -f "$site"/onnxruntime/capi/libonnxruntime.so.*
