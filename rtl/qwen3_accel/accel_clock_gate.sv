// accel_clock_gate: the clock of an engine that rests between its operations. clk_o has the pulses of clk_i of the cycles that
// begin with enable_i = 1; Use = 0 passes all of them.
//
// Simulation and power only: an engine without its turn changes nothing, so no result and no cycle depends on Use. On a device this is
// a BUFGCE (its CE is the latch); the clocks have one source, so all paths between them are synchronous.
//
// Parameters:
//   Use  0: a wire
module accel_clock_gate #(
    parameter bit Use = 1'b0
) (
    input  logic clk_i,
    input  logic enable_i,
    output logic clk_o
);
  if (Use) begin : gen_gate
    logic enable;
    always_latch if (!clk_i) enable = enable_i;
    assign clk_o = clk_i & enable;
  end else begin : gen_wire
    assign clk_o = clk_i;
    wire unused = enable_i;
  end
endmodule
