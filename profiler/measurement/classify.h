// What a kernel is, from its name alone: who wrote it, what it computes, on which type of number. The
// function's own name decides, not a word somewhere in it, in its return type or among its arguments. One
// table (kernel_rows.cc), first match wins.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/op/op.h"
#include "profiler/measurement/element_type.h"

namespace orrery::profiler {

/// What a reader of a profile groups kernels by.
enum class KernelGroup {
  kGemm,
  kAttention,
  kAttentionAround,  ///< pre- and post-processing of attention
  kQuantize,         ///< casts, transposes, activation with cast
  kActivation,
  kNorm,
  kRoute,    ///< gate, top-k, permute and unpermute bookkeeping
  kPermute,  ///< rows to experts and back
  kRope,
  kElementwise,
  kReduce,
  kOptimizer,
  kCommunication,      ///< moves the payload between GPUs
  kCommunicationSync,  ///< notifies and waits for peers
  kCopy,               ///< memcpy and memset
  kOther,              ///< known, and none of these
  kUnknown,            ///< a name that no row of the table knows
};
std::string_view Name(KernelGroup group);
bool IsCommunication(KernelGroup group);

struct KernelClass {
  std::string_view library;  ///< "DeepGEMM", "cuBLAS", ...; "unknown" where the name does not tell
  KernelGroup group = KernelGroup::kUnknown;
  std::optional<OpKind> kind;  ///< absent where the name does not tell
  /// What a GEMM or an attention multiplies; of other kernels, what they work on.
  ElementType type = ElementType::kUnknown;
};

/// Accepts mangled and demangled names. Never fails: an unknown name is {"unknown", kUnknown}.
KernelClass ClassifyKernel(std::string_view name);

/// The name without return type, template arguments and parameters, at most `width` characters: for tables.
/// Of the kernels of one operation, "a<int>() + b<int>()", each.
std::string ShortKernelName(std::string_view name, std::size_t width = 60);

}  // namespace orrery::profiler
