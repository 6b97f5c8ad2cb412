// frame_memory: one copy of the frame: a line is written and a line is read in every cycle.
//
// Latency:  2 cycles from raddr_i to rdata_o; a line that is written in the same cycle is read as it was.
//
// Parameters:
//   Width  bits of a line
//   Lines  of the frame
module frame_memory #(
    parameter int unsigned Width = 512,
    parameter int unsigned Lines = 1024,
    localparam int unsigned AddrW = $clog2(Lines)
) (
    input  logic             clk_i,
    input  logic             we_i,
    input  logic [AddrW-1:0] waddr_i,
    input  logic [Width-1:0] wdata_i,
    input  logic [AddrW-1:0] raddr_i,
    output logic [Width-1:0] rdata_o
);
  localparam Style = (Lines >= 2048) ? "ultra" : "auto";  // half a URAM's depth; what is smaller leaves more of it empty
  (* ram_style = Style *) logic [Width-1:0] mem[Lines];
  logic [Width-1:0] data_q;
  always_ff @(posedge clk_i) begin
    if (we_i) mem[waddr_i] <= wdata_i;
    data_q  <= mem[raddr_i];
    rdata_o <= data_q;
  end
endmodule
