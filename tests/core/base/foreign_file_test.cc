#include "core/base/foreign_file.h"

#include <gmock/gmock.h>

namespace orrery {
namespace {

using testing::HasSubstr;

std::string Named(std::string_view start) { return ForeignFile(start).value_or("not known"); }

TEST(ForeignFile, ResultsAndLogsOfOtherToolsAreNamedWithWhatToDo) {
  const std::string nvbench =
      R"({"meta":{"argv":["./bench"]},"devices":[],"benchmarks":[{"name":"copy","states":[{"summaries":[{"tag":"nv/cold/time/gpu/mean"}]}]}]})";
  EXPECT_EQ(Named(nvbench),
            "a result of nvbench, which Orrery does not read: enter its times as rows of a kernel table "
            "(docs/calibration.md) and give that with --calibration");
  EXPECT_THAT(Named(R"({"context":{"num_cpus":2},"benchmarks":[{"real_time":1}]})"),
              HasSubstr("Google Benchmark"));
  EXPECT_THAT(
      Named("Testing GEMM:\n > Perf (m=   64, n= 2112, k= 7168): 10 us | throughput: 180 TFLOPS, 1 GB/s\n"),
      HasSubstr("log of DeepGEMM"));
  EXPECT_THAT(Named("b=128, s_q=1, mean_sk=4096, h_q=128, h_kv=1, d=576\n0.123 ms, 580 TFLOPS, 1200 GB/s\n"),
              HasSubstr("log of FlashMLA"));
  EXPECT_THAT(
      Named("[config] num_tokens=4096, hidden=7168, num_topk=8\n[layout] Kernel performance: 0.05 ms\n"),
      HasSubstr("log of DeepEP"));
  EXPECT_THAT(Named("[rank 0] Dispatch + combine bandwidth: 98.1 GB/s, avg_t=163.2 us\n"),
              HasSubstr("exchange table"));
}

TEST(ForeignFile, ProfilesOfOtherToolsAreNamedWithWhatToRecord) {
  EXPECT_THAT(Named(std::string_view("\x0a\x12\x08\x01\x12\x09/host:CPU\x1a\x00", 18)), HasSubstr("XPlane"));
  EXPECT_THAT(Named(R"({"schema": "1.1.1-chakra.0.0.4", "pid": 1, "nodes": [{"id": 1}]})"),
              HasSubstr("Chakra"));
  EXPECT_THAT(Named(std::string_view("\x08\x0a\x05"
                                     "0.0.4\x12\x0b\x0a\x09is_cpu_op\x00",
                                     23)),
              HasSubstr("Chakra"));
  EXPECT_THAT(Named(R"("Kind","Agent_Id","Dispatch_Id","Kernel_Id","Kernel_Name","Start_Timestamp")"),
              HasSubstr("output of rocprofv3"));
  EXPECT_THAT(Named("\"Index\",\"KernelName\",\"gpu-id\",\"BeginNs\",\"EndNs\"\n"),
              HasSubstr("output of rocprof,"));
  EXPECT_THAT(Named(R"({"traceEvents":[{"ph":"X","name":"k","args":{"BeginNs":"1","EndNs":"2"}}]})"),
              HasSubstr("output of rocprof,"));
  EXPECT_THAT(Named(R"({"traceEvents":[{"ph":"M","name":"process_name","args":{"name":"/device:GPU:0"}}]})"),
              HasSubstr("XLA"));
  EXPECT_THAT(Named("Time (%),Total Time (ns),Instances,Avg (ns),Name\n"), HasSubstr("nsys stats"));
  EXPECT_THAT(
      Named("{\"data\":[\"a\"]}\n{\"Type\":80,\"CudaEvent\":{\"startNs\":\"100\",\"endNs\":\"200\"}}\n"),
      HasSubstr("JSON lines of nsys export"));
  EXPECT_THAT(Named("==PROF== Connected to process 7 (/usr/bin/python3.10)\n"), HasSubstr("report of ncu"));
  EXPECT_THAT(Named(std::string_view("SQLite format 3\0\x10", 17)), HasSubstr("SQLite database"));
}

TEST(ForeignFile, WhatIsReadOrUnknownIsNotForeign) {
  EXPECT_FALSE(ForeignFile(""));
  EXPECT_FALSE(ForeignFile("schema_version: 1\ndevice: h800-sxm\n"));
  EXPECT_FALSE(ForeignFile(R"({"schema":"orrery-measurements","schema_version":1})"));
  EXPECT_FALSE(ForeignFile(R"({"traceEvents":[{"name":"nvbench","args":{"nodes":1}}]})"));
  EXPECT_FALSE(ForeignFile(R"({"nodes": [1, 2]})"));
  EXPECT_FALSE(ForeignFile(std::string(1 << 20, 'x')));
}

}  // namespace
}  // namespace orrery
