#include "profiler/cupti/records.h"

#include <gtest/gtest.h>

#include "tests/profiler/cupti/fake_cupti.h"

#if __has_include(<cupti.h>)
#include <cupti.h>
#define ORRERY_HAS_CUPTI_HEADER 1
#endif

namespace orrery::profiler::cupti {
namespace {

template <typename T>
T Decoded(const RawRecord& raw) {
  const auto record = DecodeRecord(raw.bytes().data(), raw.bytes().size());
  EXPECT_TRUE(record.has_value());
  return std::get<T>(*record);
}

TEST(CuptiRecords, AKernelDecodesToItsTimesLaunchAndName) {
  const auto k = Decoded<KernelRecord>(RawKernel("gemm", 1000, 3500, 42));
  EXPECT_EQ(k.name, "gemm");
  EXPECT_EQ(k.start_ns, 1000);
  EXPECT_EQ(k.end_ns, 3500);
  EXPECT_TRUE(k.timed());
  EXPECT_EQ(k.device, 2u);
  EXPECT_EQ(k.context, 1u);
  EXPECT_EQ(k.stream, 7u);
  EXPECT_EQ(k.correlation, 42u);
  EXPECT_EQ(k.grid, (std::array{112, 113, 114}));
  EXPECT_EQ(k.block, (std::array{384, 385, 386}));
  EXPECT_EQ(k.cluster, (std::array{2, 3, 4}));
  EXPECT_EQ(k.static_shared_bytes, 16);
  EXPECT_EQ(k.dynamic_shared_bytes, 200000);
  EXPECT_EQ(k.registers, 168);
  EXPECT_EQ(k.graph_node, 99u);
}

TEST(CuptiRecords, TheOldestKernelRecordHasNoCluster) {
  RawRecord raw = RawKernel("k", 1, 2);
  const auto record = DecodeRecord(raw.bytes().data(), layout::kernel::kSize);
  ASSERT_TRUE(record);
  EXPECT_EQ(std::get<KernelRecord>(*record).cluster, (std::array{0, 0, 0}));
}

TEST(CuptiRecords, AKernelWithoutTimesOrWithTimesBackwardsIsNotTimed) {
  EXPECT_FALSE(Decoded<KernelRecord>(RawKernel("k", 0, 0)).timed());
  EXPECT_FALSE(Decoded<KernelRecord>(RawKernel("k", 20, 10)).timed());
}

TEST(CuptiRecords, AKernelWithoutANameIsNotFollowed) {
  RawRecord raw(ActivityKind::kConcurrentKernel, 216);
  EXPECT_EQ(Decoded<KernelRecord>(raw).name, "");
}

TEST(CuptiRecords, CopiesAndMemsetsCarryBytes) {
  namespace at = layout::memcpy_record;
  RawRecord copy(ActivityKind::kMemcpy, 96);
  copy.Put(at::kCopyKind, std::uint8_t{8})
      .Put(at::kBytes, std::uint64_t{4096})
      .Put(at::kStart, std::uint64_t{10})
      .Put(at::kEnd, std::uint64_t{30});
  copy.Put(at::kDevice, std::uint32_t{1})
      .Put(at::kStream, std::uint32_t{27})
      .Put(at::kCorrelation, std::uint32_t{5});
  const auto m = Decoded<MemcpyRecord>(copy);
  EXPECT_EQ(CopyKindName(m.copy_kind), "DtoD");
  EXPECT_EQ(m.bytes, 4096u);
  EXPECT_EQ(m.end_ns - m.start_ns, 20);
  EXPECT_EQ(m.stream, 27u);
  EXPECT_EQ(m.correlation, 5u);
  RawRecord set(ActivityKind::kMemset, 88);
  set.Put(layout::memset_record::kBytes, std::uint64_t{8})
      .Put(layout::memset_record::kStream, std::uint32_t{3});
  EXPECT_EQ(Decoded<MemsetRecord>(set).bytes, 8u);
  EXPECT_EQ(Decoded<MemsetRecord>(set).stream, 3u);
  EXPECT_EQ(CopyKindName(200), "?");
}

TEST(CuptiRecords, MarkersAreStartsEndsOrMarks) {
  namespace at = layout::marker;
  const auto raw = [](std::uint32_t flags) {
    RawRecord r(ActivityKind::kMarker, 56);
    r.Put(at::kFlags, flags)
        .Put(at::kTime, std::uint64_t{77})
        .Put(at::kId, std::uint32_t{6})
        .Put(at::kProcess, std::uint32_t{11});
    return r.Put(at::kThread, std::uint32_t{12}).Text(at::kName, "attn, seq = 1");
  };
  EXPECT_EQ(Decoded<MarkerRecord>(raw(2)).type, MarkerRecord::Type::kStart);
  EXPECT_EQ(Decoded<MarkerRecord>(raw(4)).type, MarkerRecord::Type::kEnd);
  EXPECT_EQ(Decoded<MarkerRecord>(raw(1)).type, MarkerRecord::Type::kMark);
  const auto m = Decoded<MarkerRecord>(raw(2));
  EXPECT_EQ(m.id, 6u);
  EXPECT_EQ(m.time_ns, 77);
  EXPECT_EQ(m.process, 11u);
  EXPECT_EQ(m.thread, 12u);
  EXPECT_EQ(m.name, "attn, seq = 1");
}

TEST(CuptiRecords, CallsCorrelationsAndOverheadDecode) {
  RawRecord call(ActivityKind::kRuntime, 40);
  call.Put(layout::api::kThread, std::uint32_t{9})
      .Put(layout::api::kCorrelation, std::uint32_t{42})
      .Put(layout::api::kStart, std::uint64_t{5});
  EXPECT_EQ(Decoded<ApiRecord>(call).thread, 9u);
  EXPECT_EQ(Decoded<ApiRecord>(call).correlation, 42u);
  RawRecord external(ActivityKind::kExternalCorrelation, 24);
  external.Put(layout::external_correlation::kExternalId, std::uint64_t{1} << 40)
      .Put(layout::external_correlation::kCorrelation, std::uint32_t{3});
  EXPECT_EQ(Decoded<ExternalCorrelationRecord>(external).external_id, std::uint64_t{1} << 40);
  RawRecord overhead(ActivityKind::kOverhead, 56);
  overhead.Put(layout::overhead::kKind, std::uint32_t{2}).Put(layout::overhead::kEnd, std::uint64_t{8});
  EXPECT_EQ(Decoded<OverheadRecord>(overhead).end_ns, 8);
}

TEST(CuptiRecords, EnvironmentTellsClocksPowerOrTemperature) {
  namespace at = layout::environment;
  RawRecord speed(ActivityKind::kEnvironment, 40);
  speed.Put(at::kKind, at::kKindSpeed)
      .Put(at::kSmClock, 1755u)
      .Put(at::kMemoryClock, 2619u)
      .Put(at::kThrottle, 4u);
  const auto s = Decoded<EnvironmentRecord>(speed);
  EXPECT_EQ(s.sm_mhz, 1755u);
  EXPECT_EQ(s.memory_mhz, 2619u);
  EXPECT_FALSE(s.power_mw);
  EXPECT_EQ(ThrottleText(*s.throttle_reasons), "software power cap");
  RawRecord power(ActivityKind::kEnvironment, 40);
  power.Put(at::kKind, at::kKindPower).Put(at::kPower, 600000u).Put(at::kPowerLimit, 700000u);
  EXPECT_EQ(Decoded<EnvironmentRecord>(power).power_mw, 600000u);
  EXPECT_FALSE(Decoded<EnvironmentRecord>(power).sm_mhz);
  EXPECT_EQ(ThrottleText(0), "none");
  EXPECT_EQ(ThrottleText(0x60), "software thermal slowdown, hardware thermal slowdown") << "NVML's";
  EXPECT_EQ(ThrottleText(0xc), "software power cap, hardware slowdown");
}

TEST(CuptiRecords, UnknownKindsAndCutOffRecordsAreAbsent) {
  const RawRecord unknown(static_cast<ActivityKind>(51), 96);
  EXPECT_FALSE(DecodeRecord(unknown.bytes().data(), 96));
  const RawRecord kernel = RawKernel("k", 1, 2);
  for (std::size_t size = 0; size < layout::kernel::kSize; ++size)
    EXPECT_FALSE(DecodeRecord(kernel.bytes().data(), size)) << size;
}

#ifdef ORRERY_HAS_CUPTI_HEADER
#define EXPECT_AT(type, field, expected) EXPECT_EQ(offsetof(type, field), expected)

TEST(CuptiRecords, OffsetsAreThoseOfTheInstalledHeader) {
  namespace k = layout::kernel;
  EXPECT_EQ(sizeof(CUpti_ActivityKernel10), 216u);
  EXPECT_AT(CUpti_ActivityKernel10, start, k::kStart);
  EXPECT_AT(CUpti_ActivityKernel10, end, k::kEnd);
  EXPECT_AT(CUpti_ActivityKernel10, registersPerThread, k::kRegisters);
  EXPECT_AT(CUpti_ActivityKernel10, deviceId, k::kDevice);
  EXPECT_AT(CUpti_ActivityKernel10, contextId, k::kContext);
  EXPECT_AT(CUpti_ActivityKernel10, streamId, k::kStream);
  EXPECT_AT(CUpti_ActivityKernel10, gridX, k::kGrid);
  EXPECT_AT(CUpti_ActivityKernel10, blockX, k::kBlock);
  EXPECT_AT(CUpti_ActivityKernel10, staticSharedMemory, k::kStaticShared);
  EXPECT_AT(CUpti_ActivityKernel10, dynamicSharedMemory, k::kDynamicShared);
  EXPECT_AT(CUpti_ActivityKernel10, correlationId, k::kCorrelation);
  EXPECT_AT(CUpti_ActivityKernel10, name, k::kName);
  EXPECT_AT(CUpti_ActivityKernel10, graphNodeId, k::kGraphNode);
  EXPECT_AT(CUpti_ActivityKernel10, clusterX, k::kCluster);
  EXPECT_AT(CUpti_ActivityMemcpy6, copyKind, layout::memcpy_record::kCopyKind);
  EXPECT_AT(CUpti_ActivityMemcpy6, bytes, layout::memcpy_record::kBytes);
  EXPECT_AT(CUpti_ActivityMemcpy6, streamId, layout::memcpy_record::kStream);
  EXPECT_AT(CUpti_ActivityMemcpy6, correlationId, layout::memcpy_record::kCorrelation);
  EXPECT_AT(CUpti_ActivityMemset4, bytes, layout::memset_record::kBytes);
  EXPECT_AT(CUpti_ActivityMemset4, streamId, layout::memset_record::kStream);
  EXPECT_AT(CUpti_ActivityMarker2, flags, layout::marker::kFlags);
  EXPECT_AT(CUpti_ActivityMarker2, objectId, layout::marker::kProcess);
  EXPECT_AT(CUpti_ActivityMarker2, name, layout::marker::kName);
  EXPECT_AT(CUpti_ActivityAPI, threadId, layout::api::kThread);
  EXPECT_AT(CUpti_ActivityAPI, correlationId, layout::api::kCorrelation);
  EXPECT_AT(CUpti_ActivityExternalCorrelation, externalId, layout::external_correlation::kExternalId);
  EXPECT_AT(CUpti_ActivityOverhead3, start, layout::overhead::kStart);
  EXPECT_AT(CUpti_ActivityEnvironment, environmentKind, layout::environment::kKind);
  EXPECT_AT(CUpti_ActivityEnvironment, data, layout::environment::kSmClock);
  EXPECT_EQ(static_cast<unsigned>(CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL),
            static_cast<unsigned>(ActivityKind::kConcurrentKernel));
  EXPECT_EQ(static_cast<unsigned>(CUPTI_ACTIVITY_KIND_ENVIRONMENT),
            static_cast<unsigned>(ActivityKind::kEnvironment));
  EXPECT_EQ(static_cast<int>(CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED),
            static_cast<int>(kErrorMultipleSubscribers));
}
#endif

}  // namespace
}  // namespace orrery::profiler::cupti
