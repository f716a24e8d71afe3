// The one thing about the products that the emulator replaces: the text of their assembly. Every function of
// wgmma.cuh is held to what its name says, by the syntax of wgmma.mma_async in the PTX ISA.
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include <gtest/gtest.h>

namespace orrery::profiler {
namespace {

std::string HeaderText() {
  std::ifstream file(std::string(ORRERY_SOURCE_DIR) + "/profiler/device/kernels/wgmma.cuh");
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Function {
  std::string element;  // Fp8, Bf16
  int n = 0, k = 0;
  bool mn_major = false, registers = false;
  std::string text;
};

std::vector<Function> Functions() {
  const std::string header = HeaderText();
  const std::regex pattern(
      R"re((Fp8|Bf16)M64N(\d+)K(\d+)(Mn)?\(float \(&d\)\[(\d+)\], ([\s\S]*?)asm([\s\S]*?)"r"\(accumulate\)\))re");
  std::vector<Function> functions;
  for (std::sregex_iterator m(header.begin(), header.end(), pattern), end; m != end; ++m) {
    functions.push_back({(*m)[1], std::stoi((*m)[2]), std::stoi((*m)[3]), (*m)[4].matched,
                         (*m)[6].str().find("(&a)[4]") != std::string::npos, (*m)[7]});
    EXPECT_EQ(std::stoi((*m)[5]) * 2, functions.back().n) << "accumulators of one thread";
  }
  return functions;
}

// D; A (one descriptor, or four registers in braces), B, the predicate, both signs, and for 16-bit elements
// which of the operands in shared memory are MN-major.
std::string OperandsAfterD(const Function& f) {
  const int first = f.n / 2;
  const auto name = [](int i) { return "%" + std::to_string(i); };
  std::string a = name(first);
  if (f.registers)
    a = "{" + a + ", " + name(first + 1) + ", " + name(first + 2) + ", " + name(first + 3) + "}";
  std::string text = a + ", " + name(first + (f.registers ? 4 : 1)) + ", p, 1, 1";
  if (f.element == "Fp8") return text;
  return text + (f.registers ? "" : ", 0") + (f.mn_major ? ", 1" : ", 0");
}

TEST(WgmmaText, SaysWhatTheNamesSay) {
  const auto functions = Functions();
  ASSERT_EQ(functions.size(), 5u);
  for (const Function& f : functions) {
    const std::string type = f.element == "Fp8" ? "e4m3" : "bf16";
    EXPECT_EQ(f.k * (f.element == "Fp8" ? 1 : 2), 32) << "32 bytes of K";
    const std::string shape =
        "m64n" + std::to_string(f.n) + "k" + std::to_string(f.k) + ".f32." + type + "." + type;
    EXPECT_NE(f.text.find('"' + shape + '"'), std::string::npos) << f.text;
    EXPECT_NE(f.text.find('"' + OperandsAfterD(f) + '"'), std::string::npos) << f.text;
    EXPECT_NE(f.text.find("\"%" + std::to_string(f.n / 2 + (f.registers ? 5 : 2)) + "\", \"m64"),
              std::string::npos);
    EXPECT_NE(f.text.find("ORRERY_NAMES" + std::to_string(f.n / 2) + ","), std::string::npos);
    EXPECT_NE(f.text.find("ORRERY_D" + std::to_string(f.n / 2) + "(d, 0)"), std::string::npos);
  }
}

TEST(WgmmaText, NamesEveryAccumulatorOnceInOrder) {
  const std::string header = HeaderText();
  const std::size_t first = header.find("#define ORRERY_NAMES32");
  const std::string names = header.substr(first, header.find("#define ORRERY_WGMMA") - first);
  const std::regex operand("%(\\d+)");
  int expected = 0;
  for (std::sregex_iterator m(names.begin(), names.end(), operand), end; m != end; ++m)
    EXPECT_EQ(std::stoi((*m)[1]), expected++);
  EXPECT_EQ(expected, 128);
}

}  // namespace
}  // namespace orrery::profiler
