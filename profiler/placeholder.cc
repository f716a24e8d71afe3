// The profiler: from kernels to calibration tables.
