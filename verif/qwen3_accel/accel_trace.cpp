// The files behind +accel_trace=<path> of tb_qwen3_accel.sv, little-endian.
//   <path>           records: stage, the words of a line
//   <path>.timeline  records of 20 bytes, when the unit at work changes: unit that begins (0 none, 16 a pass, 17 its end), its stage,
//                    cycle, and of the time since the record before: cycles with a line moving, cycles waiting for constants
#include <cstdint>
#include <cstdio>
#include <string>
#include <svdpi.h>

namespace {
FILE* lines = nullptr;
FILE* timeline = nullptr;
}  // namespace

extern "C" int accel_trace_open(const char* path) {
  lines = std::fopen(path, "wb");
  timeline = std::fopen((std::string(path) + ".timeline").c_str(), "wb");
  return lines == nullptr || timeline == nullptr;
}

extern "C" void accel_trace_line(int stage, int lanes, const svBitVecVal* data) {
  const uint32_t number = static_cast<uint32_t>(stage);
  std::fwrite(&number, 4, 1, lines);
  std::fwrite(data, 4, static_cast<size_t>(lanes), lines);
}

extern "C" void accel_trace_unit(int unit, int stage, int cycle, int moving, int memory) {
  const int record[] = {unit, stage, cycle, moving, memory};
  std::fwrite(record, 4, 5, timeline);
}
