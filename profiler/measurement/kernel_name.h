// A kernel's name taken apart: mangled or demangled C++, or the plain name that a generator gave it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace orrery::profiler {

/// Of "void vllm::rms_norm_kernel<c10::BFloat16, 8>(c10::BFloat16*, int)": scopes {"vllm"}, function
/// "rms_norm_kernel", arguments "c10::BFloat16, 8", parameters "c10::BFloat16*, int". A launcher that only
/// wraps another ("cutlass::device_kernel<X>") is replaced by what it wraps.
struct KernelName {
  std::vector<std::string> scopes;  ///< namespaces and classes around it; anonymous ones are left out
  std::string function;             ///< its own name, which decides what it is
  std::string arguments;            ///< of its template
  std::string parameters;           ///< of the call
  /// The function's name as words in lower case: "FusedAddRMSNormKernel" and "fused_add_rms_norm_kernel" are
  /// both {"fused", "add", "rms", "norm", "kernel"}.
  std::vector<std::string> words;

  /// "vllm::rms_norm_kernel".
  std::string Path() const;
};

/// Never fails: what is no C++ name is taken as the function. A mangled name that cannot be demangled (it is
/// cut off, say) still gives its scopes and function.
KernelName ParseKernelName(std::string_view name);

/// Words of a name, as KernelName has them.
std::vector<std::string> NameWords(std::string_view name);

/// Whether `text` holds `word` with no letter, digit or underscore continuing it on either side.
bool HoldsWord(std::string_view text, std::string_view word);

}  // namespace orrery::profiler
