// What a kernel is, from its name alone: who wrote it and what it computes. One explicit table (classify.cc),
// first match wins.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/op.h"

namespace orrery::profiler {

/// What a reader of a profile groups kernels by.
enum class KernelGroup {
  kGemm,
  kAttention,
  kAttentionAround,  ///< pre- and post-processing of attention
  kQuantize,         ///< casts, transposes, activation with cast
  kActivation,
  kNorm,
  kRoute,  ///< gate, top-k, permute and unpermute bookkeeping
  kPermute,
  kRope,
  kElementwise,
  kReduce,
  kOptimizer,
  kCommunication,      ///< moves the payload between GPUs
  kCommunicationSync,  ///< notifies and waits for peers
  kCopy,               ///< memcpy and memset
  kOther,
};
std::string_view Name(KernelGroup group);
bool IsCommunication(KernelGroup group);

struct KernelClass {
  std::string_view library;  ///< "DeepGEMM", "cuBLAS", ...; "unknown"
  KernelGroup group = KernelGroup::kOther;
  std::optional<OpKind> kind;  ///< absent where the name does not tell
};

/// Accepts mangled and demangled names. Never fails: an unknown name is {"unknown", kOther}.
KernelClass ClassifyKernel(std::string_view name);

/// The name without return type, template arguments and parameters, at most `width` characters: for tables.
std::string ShortKernelName(std::string_view name, std::size_t width = 60);

}  // namespace orrery::profiler
