// attention_line: an address in beats, and its steps of less than 2^LineW beats.
//
// The lower part holds twice the largest step, so it never carries twice in a row, and the upper part's successor can be made
// a cycle ahead: no carry runs through the whole address.
//
// Latency:       1 cycle. Throughput: a step a cycle.
// Back-pressure: none.
//
// Parameters:
//   AddrW  address bits
module attention_line
  import attention_pkg::*;
#(
    parameter int unsigned AddrW = 64
) (
    input  logic             clk_i,
    input  logic             rst_ni,  // of the assertion; a load is the reset of the rest
    input  logic             load_i,
    input  logic [AddrW-6:0] line_i,
    input  logic             move_i,  // not with load_i
    input  logic [LineW-1:0] step_i,
    output logic [AddrW-6:0] line_o
);
  localparam int unsigned LowW = LineW + 1;
  localparam int unsigned HighW = AddrW - 5 - LowW;

  logic [ LowW-1:0] low_q;
  logic [HighW-1:0] high_q, next_q;
  wire [LowW:0] sum = (LowW + 1)'(low_q) + (LowW + 1)'(step_i);
  assign line_o = {high_q, low_q};

  always_ff @(posedge clk_i) begin
    if (load_i) {high_q, low_q} <= line_i;
    else if (move_i) begin
      low_q <= sum[LowW-1:0];
      if (sum[LowW]) high_q <= next_q;
    end
    next_q <= (load_i ? line_i[AddrW-6-:HighW] : high_q) + HighW'(1);
  end

  logic carried_q;  // for the assertion: a step has carried in the cycle before
  always_ff @(posedge clk_i) carried_q <= rst_ni && !load_i && move_i && sum[LowW];
  a_no_carry_twice :
  assert property (@(posedge clk_i) disable iff (!rst_ni) carried_q && move_i && !load_i |-> !sum[LowW]);
endmodule
