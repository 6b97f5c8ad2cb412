// linear_synth_ram: a memory of linear_synth, one write and one read port: in block RAM, in URAM if it is deep, in LUTs if it is shallow.
//
// Latency: 1 cycle to read_o. Throughput: a write and a read a cycle. Back-pressure: read_o holds while en_i is low.
//
// Parameters:
//   Words  a power of two
//   DataW  bits of a word
module linear_synth_ram #(
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
  // Up to 64 words would leave most of their block RAMs empty; from 1,024 on URAM, which a large part has left, is as wide for its depth.
  localparam Style = (Words <= 64) ? "distributed" : (Words >= 1024) ? "ultra" : "block";
  (* ram_style = Style *) logic [DataW-1:0] mem[Words];

  always_ff @(posedge clk_i) begin
    if (we_i) mem[waddr_i] <= data_i;
    if (en_i) read_o <= mem[raddr_i];
  end
endmodule
