"""The test suite; laid out like the package. Also the home of the benchmarks (``python -m tests.benchmarks``)."""
