// linear_synth_collect_ram: a bank of the collector, in block RAM.
//
// Latency: 1 cycle to read_o. Throughput: a write and a read a cycle. Back-pressure: read_o holds while en_i is low.
//
// Parameters:
//   Words  a power of two
//   DataW  bits of a word
module linear_synth_collect_ram #(
    parameter int unsigned Words = 128,
    parameter int unsigned DataW = 64,
    localparam int unsigned AddrW = $clog2(Words)
) (
    input  logic             clk_i,
    input  logic             we_i,
    input  logic [AddrW-1:0] waddr_i,
    input  logic [DataW-1:0] data_i,
    input  logic             en_i,
    input  logic [AddrW-1:0] raddr_i,
    output logic [DataW-1:0] read_o
);
  localparam Style = (Words <= 64) ? "distributed" : "block";  // a shallow one would leave most of its blocks empty
  (* ram_style = Style *) logic [DataW-1:0] mem[Words];

  always_ff @(posedge clk_i) begin
    if (we_i) mem[waddr_i] <= data_i;
    if (en_i) read_o <= mem[raddr_i];
  end
endmodule
