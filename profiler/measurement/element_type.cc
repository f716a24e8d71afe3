#include "profiler/measurement/element_type.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace orrery::profiler {
namespace {

using E = ElementType;

constexpr bool IsIdentifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Names of types, in lower case: of CUDA, CUTLASS, PyTorch, HIP, Composable Kernel, and short ones.
constexpr std::pair<std::string_view, ElementType> kTypeNames[] = {
    {"bf16", E::kBf16},
    {"bfloat16", E::kBf16},
    {"bfloat16_t", E::kBf16},
    {"__nv_bfloat16", E::kBf16},
    {"__nv_bfloat162", E::kBf16},
    {"nv_bfloat16", E::kBf16},
    {"__hip_bfloat16", E::kBf16},
    {"hip_bfloat16", E::kBf16},
    {"bf16_t", E::kBf16},
    {"bhalf_t", E::kBf16},
    {"__bf16", E::kBf16},
    {"half", E::kFp16},
    {"__half", E::kFp16},
    {"__half2", E::kFp16},
    {"half2", E::kFp16},
    {"half_t", E::kFp16},
    {"fp16", E::kFp16},
    {"fp16_t", E::kFp16},
    {"f16", E::kFp16},
    {"float16", E::kFp16},
    {"float16_t", E::kFp16},
    {"_float16", E::kFp16},
    {"float", E::kFp32},
    {"float2", E::kFp32},
    {"float4", E::kFp32},
    {"fp32", E::kFp32},
    {"f32", E::kFp32},
    {"float32", E::kFp32},
    {"tf32", E::kTf32},
    {"tfloat32_t", E::kTf32},
    {"double", E::kFp64},
    {"fp64", E::kFp64},
    {"f64", E::kFp64},
    {"fp8", E::kFp8},
    {"fp8_t", E::kFp8},
    {"bf8_t", E::kFp8},
    {"f8_t", E::kFp8},
    {"e4m3", E::kFp8},
    {"e5m2", E::kFp8},
    {"float_e4m3_t", E::kFp8},
    {"float_e5m2_t", E::kFp8},
    {"float8_e4m3fn", E::kFp8},
    {"float8_e4m3fnuz", E::kFp8},
    {"float8_e5m2", E::kFp8},
    {"float8_e5m2fnuz", E::kFp8},
    {"__nv_fp8_e4m3", E::kFp8},
    {"__nv_fp8_e5m2", E::kFp8},
    {"__nv_fp8x2_e4m3", E::kFp8},
    {"__nv_fp8x4_e4m3", E::kFp8},
    {"__hip_fp8_e4m3", E::kFp8},
    {"__hip_fp8_e4m3_fnuz", E::kFp8},
    {"fp4", E::kFp4},
    {"nvfp4", E::kFp4},
    {"mxfp4", E::kFp4},
    {"e2m1", E::kFp4},
    {"float_e2m1_t", E::kFp4},
    {"nv_float4_t", E::kFp4},
    {"mx_float4_t", E::kFp4},
    {"__nv_fp4_e2m1", E::kFp4},
    {"__nv_fp4x2_e2m1", E::kFp4},
    {"float4_e2m1fn_x2", E::kFp4},
    {"int8", E::kInt8},
    {"int8_t", E::kInt8},
    {"i8", E::kInt8},
    {"s8", E::kInt8},
};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::optional<ElementType> TypeOfWord(std::string_view word) {
  const std::string lower = Lower(word);
  for (const auto& [name, type] : kTypeNames) {
    if (lower == name) return type;
  }
  return std::nullopt;
}

/// Types named in the text, identifier by identifier.
std::set<ElementType> TypesIn(std::string_view text) {
  std::set<ElementType> types;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && IsIdentifier(text[end])) ++end;
    if (const auto type = TypeOfWord(text.substr(i, end - i))) types.insert(*type);
    i = end + 1;
  }
  return types;
}

std::set<ElementType> TypesIn(const std::vector<std::string>& words) {
  std::set<ElementType> types;
  for (const std::string& word : words) {
    if (const auto type = TypeOfWord(word)) types.insert(*type);
  }
  return types;
}

/// The one type there is; FP32 beside others is that of sums and scales.
ElementType Single(std::set<ElementType> types) {
  if (types.size() > 1) types.erase(E::kFp32);
  if (types.empty()) return E::kUnknown;
  return types.size() == 1 ? *types.begin() : E::kMixed;
}

ElementType FromText(const KernelName& name) {
  for (const std::string_view text : {std::string_view(name.arguments), std::string_view(name.parameters)}) {
    if (const auto types = TypesIn(text); !types.empty()) return Single(types);
  }
  return Single(TypesIn(name.words));
}

ElementType OfLetter(char letter) {
  switch (letter) {
    case 'h':
      return E::kFp16;
    case 't':
      return E::kBf16;
    case 's':
      return E::kFp32;
    case 'd':
      return E::kFp64;
    case 'q':  // E4M3
    case 'r':  // E5M2
      return E::kFp8;
    case 'o':
      return E::kFp4;
    default:
      return E::kUnknown;
  }
}

bool HasWord(const KernelName& name, std::string_view word) {
  return std::find(name.words.begin(), name.words.end(), word) != name.words.end();
}

ElementType Nvjet(const KernelName& name) {
  if (HasWord(name, "tf32")) return E::kTf32;
  for (std::size_t i = 1; i < name.words.size() && i < 4; ++i) {
    const std::string& code = name.words[i];
    const bool letters = std::all_of(code.begin(), code.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    if (!letters || (code.size() != 3 && code.size() != 5)) continue;
    const ElementType a = OfLetter(code[0]), b = code.size() == 5 ? OfLetter(code[1]) : a;
    if (a == E::kUnknown || b == E::kUnknown) return E::kUnknown;
    return a == b ? a : E::kMixed;
  }
  return E::kUnknown;
}

ElementType Xmma(const KernelName& name) {
  const auto gemm = std::find(name.words.begin(), name.words.end(), "gemm");
  if (name.words.end() - gemm < 3) return E::kUnknown;
  // "tf32f32": what is multiplied comes first, and "f32" is no beginning of "f16f32".
  constexpr std::array<std::string_view, 8> kMultiplied = {"tf32", "bf16", "f16",  "f32",
                                                           "f64",  "e4m3", "e5m2", "i8"};
  for (const std::string_view type : kMultiplied) {
    if ((gemm + 2)->starts_with(type)) return *TypeOfWord(type);
  }
  return E::kUnknown;
}

/// "s16816gemm": the letter of the sums, the instruction's m, n and k, and a type among them or beside.
ElementType Blas(const KernelName& name) {
  const auto& words = name.words;
  const auto gemm =
      std::find_if(words.begin(), words.end(), [](const std::string& w) { return w.ends_with("gemm"); });
  if (gemm == words.end()) return FromText(name);
  if (words.front() == "cutlass3x") {  // types of A, B, sums, C, D behind it
    if (words.end() - gemm < 4) return E::kUnknown;
    if (gemm[1] == "block") {  // "block_scaled_ue4m3xf4_ue4m3xf4": scales by elements
      if (gemm[3].ends_with("xf4")) return E::kFp4;
      return gemm[3].ends_with("xe4m3") || gemm[3].ends_with("xf8") ? E::kFp8 : E::kUnknown;
    }
    const auto a = TypeOfWord(gemm[1]), b = TypeOfWord(gemm[2]);
    if (!a || !b) return E::kUnknown;
    return *a == *b ? *a : E::kMixed;
  }
  for (const std::string_view type : {"tf32", "bf16", "f16"}) {
    if (gemm->find(type) != std::string::npos) return *TypeOfWord(type);
  }
  std::set<ElementType> types = TypesIn(words);
  types.erase(E::kFp32);
  if (!types.empty()) return Single(types);
  const bool tensor_cores =
      std::any_of(gemm->begin(), gemm->end(), [](char c) { return c >= '0' && c <= '9'; });
  switch (gemm->front()) {
    case 'd':
      return E::kFp64;
    case 'h':
      return E::kFp16;
    case 'i':
      return E::kInt8;
    case 's':  // of FP32 the tensor cores multiply 16 x 8 x 8 as TF32
      if (!tensor_cores) return E::kFp32;
      return gemm->starts_with("s1688") ? E::kTf32 : E::kUnknown;
    default:
      return E::kUnknown;
  }
}

/// "Cijk_Alik_Bljk_F8BS_BH_...".
ElementType Tensile(const KernelName& name) {
  std::string_view rest = name.function;
  const std::size_t cijk = rest.find("Cijk_");
  if (cijk == std::string_view::npos) return E::kUnknown;
  rest.remove_prefix(cijk);
  for (int skipped = 0; skipped < 3; ++skipped) {
    const std::size_t bar = rest.find('_');
    if (bar == std::string_view::npos) return E::kUnknown;
    rest.remove_prefix(bar + 1);
  }
  const std::string_view code = rest.substr(0, rest.find('_'));
  const std::string_view behind = rest.substr(code.size());
  if (code.starts_with("F8") || code.starts_with("B8")) return E::kFp8;
  if (code.starts_with("F4")) return E::kFp4;
  if (code.starts_with("I8") || code.starts_with("4xi8")) return E::kInt8;
  if (code.starts_with("B")) return E::kBf16;
  if (code.starts_with("H")) return E::kFp16;
  if (code.starts_with("D")) return E::kFp64;
  if (code.starts_with("X")) return E::kTf32;
  if (code.starts_with("S")) return behind.starts_with("_MX_") ? E::kTf32 : E::kFp32;
  return E::kUnknown;
}

ElementType Generated(const KernelName& name) {
  const auto& words = name.words;
  if (const auto qkv = std::find(words.begin(), words.end(), "qkv");
      qkv != words.end() && qkv + 1 != words.end())
    return TypeOfWord(qkv[1]).value_or(E::kUnknown);
  std::vector<std::string_view> parts;  // bmm, type of C, types of A and B, sums, ...
  std::string_view rest = name.function;
  for (std::size_t bar = 0; bar != std::string_view::npos && parts.size() < 4;) {
    bar = rest.find('_');
    parts.push_back(rest.substr(0, bar));
    if (bar != std::string_view::npos) rest.remove_prefix(bar + 1);
  }
  if (parts.size() < 4) return E::kUnknown;
  return Single(TypesIn(NameWords(parts[2])));
}

/// Parts of a template's argument list from `from`, up to the bracket that closes it.
std::vector<std::string_view> ArgumentsFrom(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size() && depth >= 0; ++i) {
    if (text[i] == '<' || text[i] == '(') ++depth;
    if (text[i] == '>' || text[i] == ')') --depth;
    if ((text[i] != ',' || depth > 0) && depth >= 0) continue;
    parts.push_back(text.substr(start, i - start));
    start = i + 1;
  }
  return parts;
}

ElementType Cutlass(const KernelName& name) {
  // template <class DispatchPolicy, class TileShape, class ElementA, class StrideA, class ElementB, ...>
  constexpr std::string_view kMma = "CollectiveMma<";
  const std::size_t at = name.arguments.find(kMma);
  if (at == std::string::npos) return FromText(name);
  const auto parts = ArgumentsFrom(std::string_view(name.arguments).substr(at + kMma.size()));
  if (parts.size() < 5) return E::kUnknown;
  const ElementType a = Single(TypesIn(parts[2])), b = Single(TypesIn(parts[4]));
  if (a == E::kUnknown || b == E::kUnknown) return E::kUnknown;
  return a == b ? a : E::kMixed;
}

}  // namespace

std::string_view Name(ElementType type) {
  constexpr std::array<std::string_view, kElementTypeCount> kNames = {
      "unknown", "FP64", "FP32", "TF32", "FP16", "BF16", "FP8", "FP4", "INT8", "mixed"};
  return kNames[static_cast<std::size_t>(type)];
}

ElementType ElementTypeOf(const KernelName& name, TypeRule rule) {
  switch (rule) {
    case TypeRule::kText:
      return FromText(name);
    case TypeRule::kNvjet:
      return Nvjet(name);
    case TypeRule::kXmma:
      return Xmma(name);
    case TypeRule::kBlas:
      return Blas(name);
    case TypeRule::kTensile:
      return Tensile(name);
    case TypeRule::kGenerated:
      return Generated(name);
    case TypeRule::kCutlass:
      return Cutlass(name);
    case TypeRule::kCudnn: {
      const ElementType type = FromText(name);
      return type == E::kFp16 ? E::kUnknown : type;
    }
    case TypeRule::kFp8:
      return E::kFp8;
    case TypeRule::kNotTold:
      return E::kUnknown;
    case TypeRule::kMixedType:
      return E::kMixed;
  }
  return E::kUnknown;
}

}  // namespace orrery::profiler
