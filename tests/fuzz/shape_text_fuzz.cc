// Shapes in the text of ranges and operators, one a line.
#include <string>

#include "profiler/measurement/classify.h"
#include "profiler/trace/shape_text.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() == rest.size() ? line.size() : line.size() + 1);
    std::string why;
    profiler::ParseOrreryRange(line, &why);
    profiler::ParseSizes(line);
    profiler::NamesAnOperator(line);
    if (const auto call = profiler::ParseOperatorRange(line)) profiler::ShapeOfOperator(*call);
    profiler::ClassifyKernel(line);
    profiler::ShortKernelName(line);
  }
}
