// The table that says what kernels are by their names (kernel_rows.cc), and how a row is written.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "core/op/op.h"
#include "profiler/measurement/classify.h"

namespace orrery::profiler {

/// A kernel is of a row if all of these hold:
///  - `scope` is one of the namespaces or classes around the function (* for any letters), or with "::"
///    inside a run of them; "" always holds, and "::" of a function in no namespace;
///  - `words` are the words of the function's own name, all of them and in this order (KernelName::words). A *
///    alone stands for any number of words, a * inside a word for any letters of it: "* rms norm *" is
///    FusedAddRMSNormKernel and rms_norm_kernel, and not rms_normalize;
///  - `argument` stands among the template's arguments as a whole identifier ("" always holds).
struct KernelRow {
  std::string_view scope, words, library;
  KernelGroup group;
  std::optional<OpKind> kind{};
  TypeRule type = TypeRule::kText;
  bool kind_by_type = false;  ///< a dense GEMM: its kind is that of its type
  std::string_view argument{};
};

/// The specific before the general.
std::span<const KernelRow> KernelRows();

}  // namespace orrery::profiler
