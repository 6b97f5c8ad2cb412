// The files behind +accel_trace=<path> of tb_qwen3_accel.sv, little-endian.
//   <path>           lines: pass (uint32), descriptor number (uint16), stage (uint16), words (uint16), place of the token in its pass
//                    (uint16), then as many words
//   <path>.timeline  uint32 ports; then events, each the same number of int64:
//                    what (0 a pass begins, 1 an operation begins, 2 one ends, 3 the pass ends), descriptor number plus 65,536 times
//                    the place of its (first) token, stage, unit, cycle;
//                    counts since the trace began: cycles with a line moving, cycles waiting for constants;
//                    of every port: beats read, beats written, cycles in which the accelerator held a beat off, in which the memory
//                    was asked and no beat was there, in which a stream asked for nothing though it had a command: its buffer was full
// An event is written as it happens, so that who reads the file sees how far the run is.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "svdpi.h"

namespace {
enum Count { kRead, kWritten, kHeld, kWaiting, kFull, kCounts };
FILE* lines = nullptr;
FILE* timeline = nullptr;
uint32_t passes = 0, words_of_a_line = 0;
std::vector<int64_t> record;  // an event: its five fields, then the counts
constexpr size_t kFields = 5, kMoving = 5, kConstants = 6, kPorts = 7;
}  // namespace

extern "C" int accel_trace_open(const char* path, int ports, int words) {
    lines = std::fopen(path, "wb");
    timeline = std::fopen((std::string(path) + ".timeline").c_str(), "wb");
    if (lines == nullptr || timeline == nullptr) return 1;
    words_of_a_line = words;
    record.assign(kPorts + size_t(ports) * kCounts, 0);
    const uint32_t number = ports;
    return std::fwrite(&number, 4, 1, timeline) != 1;
}

extern "C" void accel_trace_line(int number, int stage, int place, const svBitVecVal* data) {
    const uint32_t head[] = {passes, uint32_t(number & 0xffff) | uint32_t(stage) << 16, words_of_a_line | uint32_t(place) << 16};
    std::fwrite(head, 4, 3, lines);
    std::fwrite(data, 4, words_of_a_line, lines);
}

extern "C" void accel_trace_event(int what, int number, int stage, int unit, int cycle) {
    const int64_t fields[kFields] = {what, number, stage, unit, cycle};
    for (size_t i = 0; i < kFields; i++) record[i] = fields[i];
    passes += what == 0;
    std::fwrite(record.data(), 8, record.size(), timeline);
    std::fflush(timeline);
    if (what == 3) std::fflush(lines);
}

// One cycle; a bit a port. flags: bit 0 a line moves, bit 1 work waits for constants.
extern "C" void accel_trace_cycle(const svBitVecVal* beat, const svBitVecVal* writing, const svBitVecVal* held,
                                  const svBitVecVal* waiting, const svBitVecVal* full, int flags) {
    record[kMoving] += flags & 1;
    record[kConstants] += flags >> 1 & 1;
    const svBitVecVal* const masks[kCounts] = {beat, writing, held, waiting, full};
    const size_t ports = (record.size() - kPorts) / kCounts;
    for (size_t count = 0; count < kCounts; count++) {
        for (size_t word = 0; word * 32 < ports; word++) {
            for (uint32_t left = masks[count][word]; left != 0; left &= left - 1)
                record[kPorts + (word * 32 + __builtin_ctz(left)) * kCounts + count]++;
        }
    }
}
