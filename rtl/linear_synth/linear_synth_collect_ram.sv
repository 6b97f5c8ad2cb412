// linear_synth_collect_ram: one segment's sums: written a few at a time, read Width at a time.
//
// Latency: 1 cycle to read_o. Throughput: a write and a read a cycle. Back-pressure: read_o holds while en_i is low.
//
// Parameters:
//   Width  values of a word
//   Words  a power of two
//   PartW  bits of a part, a divisor of the word
module linear_synth_collect_ram #(
    parameter int unsigned Width = 16,
    parameter int unsigned Words = 128,
    parameter int unsigned PartW = 64,
    localparam int unsigned Parts = Width * 32 / PartW,
    localparam int unsigned AddrW = $clog2(Words)
) (
    input  logic                clk_i,
    input  logic [   Parts-1:0] we_i,
    input  logic [   AddrW-1:0] waddr_i,
    input  logic [   PartW-1:0] data_i,
    input  logic                en_i,
    input  logic [   AddrW-1:0] raddr_i,
    output logic [Width*32-1:0] read_o
);
  // with 64 values a word a segment has 32 words: in block RAM 29 blocks, a sixteenth of each in use
  localparam Style = (Words <= 64) ? "distributed" : "block";
  (* ram_style = Style *) logic [Width*32-1:0] mem[Words];

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < Parts; i++) if (we_i[i]) mem[waddr_i][i*PartW+:PartW] <= data_i;
    if (en_i) read_o <= mem[raddr_i];
  end
endmodule
