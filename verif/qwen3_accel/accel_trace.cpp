// The file behind +accel_trace of tb_qwen3_accel.sv: records of 68 bytes, stage and 16 words.
#include <cstdint>
#include <cstdio>
#include <svdpi.h>

namespace {
FILE* file = nullptr;
}

extern "C" int accel_trace_open(const char* path) {
  file = std::fopen(path, "wb");
  return file == nullptr;
}

extern "C" void accel_trace_line(int stage, const svBitVecVal* data) {
  const uint32_t number = static_cast<uint32_t>(stage);
  std::fwrite(&number, 4, 1, file);
  std::fwrite(data, 4, 16, file);
}
