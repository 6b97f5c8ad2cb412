// accel_regs_counters: 64-bit counters of a run, read as two words of one moment.
//
//   every cycle with run_i = 1: CYCLES and BUSY[turn] count 1, the stalls their bit, BYTES[c] 32 * beats[c]
//
// A carry reaches the upper word a cycle after the lower: the lower word of cycle t belongs to the upper one of cycle t + 1. So the
// read strobe of a lower word, one cycle late, finds the upper word that belongs to it.
//
// Latency:    an event counts 2 cycles later; hi_o 2 cycles after lo_read_i, until the next.
// Throughput: every cycle.
// Order:      CYCLES, BUSY[Units], STALL_MEMORY, STALL_DEPENDENCY, BYTES[Classes].
//
// Parameters:
//   LoW  bits of the lower word, 13 to 32; less than 32 only where a test wants many carries
module accel_regs_counters
  import accel_regs_pkg::*;
#(
    parameter int unsigned LoW = 32,
    localparam int unsigned Count = Units + Classes + 3
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    clear_i,
    input  logic                    run_i,
    input  logic [             3:0] turn_i,
    input  logic                    stall_memory_i,
    input  logic                    stall_dependency_i,
    input  logic [Classes-1:0][6:0] beats_i,
    output logic [Count-1:0][31:0]  lo_o,
    input  logic [Count-1:0]        lo_read_i,
    output logic [            31:0] hi_o                 // of the last lower word that was read
);
  localparam int unsigned Ones = Units + 3;  // those that count cycles
  localparam int unsigned BeatShift = 5;

  if (LoW < 13 || LoW > 32) $error("%m: LoW is %0d, allowed: 13 to 32", LoW);

  logic [Ones-1:0] one_q;
  logic [Classes-1:0][6:0] beats_q;

  always_ff @(posedge clk_i) begin
    one_q <= '0;
    for (int unsigned i = 0; i < Units; i++) one_q[1+i] <= run_i && turn_i == 4'(i);
    if (turn_i >= 4'(Units)) one_q[1] <= run_i;  // no such unit
    one_q[0]      <= run_i;
    one_q[Ones-2] <= run_i && stall_memory_i;
    one_q[Ones-1] <= run_i && stall_dependency_i;
    beats_q       <= run_i ? beats_i : '0;
    if (!rst_ni || clear_i) begin
      one_q   <= '0;
      beats_q <= '0;
    end
  end

  logic [Count-1:0][LoW-1:0] lo_q;
  logic [Count-1:0][31:0] hi_q;
  logic [Count-1:0] carry_q;

  for (genvar i = 0; i < Count; i++) begin : g_counter
    logic [LoW:0] sum;
    if (i < Ones) assign sum = (LoW + 1)'(lo_q[i]) + (LoW + 1)'(one_q[i]);
    else assign sum = (LoW + 1)'(lo_q[i]) + ((LoW + 1)'(beats_q[i-Ones]) << BeatShift);
    always_ff @(posedge clk_i) begin
      {carry_q[i], lo_q[i]} <= sum;
      hi_q[i]               <= hi_q[i] + 32'(carry_q[i]);
      if (!rst_ni || clear_i) begin
        {carry_q[i], lo_q[i]} <= '0;
        hi_q[i]               <= '0;
      end
    end
  end

  logic [Count-1:0] read_q;
  logic [31:0] hi_read;

  always_comb begin
    hi_read = '0;
    for (int unsigned i = 0; i < Count; i++) hi_read |= read_q[i] ? hi_q[i] : '0;
  end
  for (genvar i = 0; i < Count; i++) assign lo_o[i] = 32'(lo_q[i]);

  always_ff @(posedge clk_i) begin
    read_q <= lo_read_i;
    if (read_q != '0) hi_o <= hi_read;
    if (!rst_ni) begin
      read_q <= '0;
      hi_o   <= '0;
    end
  end

  a_one_turn :
  assert property (@(posedge clk_i) disable iff (!rst_ni) one_q[0] == (one_q[Units:1] != '0) && $onehot0(one_q[Units:1]));
  a_one_read :
  assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(lo_read_i));
endmodule
