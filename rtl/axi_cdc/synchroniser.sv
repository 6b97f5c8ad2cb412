// synchroniser: bits of another clock domain, through Stages flip-flops. The bits are independent of each other: single bits and gray codes
// only, straight from a register of the other domain.
//
// Latency: Stages edges of clk_i, one more when the change comes too late for an edge.
//
// Parameters:
//   Width   bits, >= 1
//   Stages  flip-flops in a row, >= 2
module synchroniser #(
    parameter int unsigned Width = 1,
    parameter int unsigned Stages = 2
) (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic [Width-1:0] d_i,
    output logic [Width-1:0] q_o
);
  if (Width < 1) $error("%m: Width is %0d, allowed: >= 1", Width);
  if (Stages < 2) $error("%m: Stages is %0d, allowed: >= 2", Stages);

  (* ASYNC_REG = "TRUE" *) logic [Stages-1:0][Width-1:0] sync_q;

  assign q_o = sync_q[Stages-1];

  always_ff @(posedge clk_i) sync_q <= rst_ni ? {sync_q[Stages-2:0], d_i} : '0;
endmodule
