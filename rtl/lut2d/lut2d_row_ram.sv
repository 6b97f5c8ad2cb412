// lut2d_row_ram: the ping-pong row of one lane, read by all its lookup units at once.
//
//   q_o[u] <= mem[{half_i, index_i[u]}]          (one asynchronous LUTRAM read a unit, then a register)
//
// Layout:     2 * Centroids entries; entry k of half h at address {h, k}.
// Latency:    1 cycle from index_i to q_o; a write is readable in the next cycle.
// Throughput: one write and Units reads a cycle.
// Resources:  a distributed RAM block of eight LUTs (RAM32M16) has one write port and seven independent read
//             ports of two bits, so seven units share one memory: 8/7 LUTs per unit and two bits. Asking for 32
//             read ports of one memory makes Yosys take a whole block for each unit (8 LUTs instead of 5).
//
// Parameters:
//   Units      read ports, >= 1
//   Centroids  entries of a half: 16, 32 or 64
//   EntryW     bits of an entry
module lut2d_row_ram #(
    parameter int unsigned Units = 32,
    parameter int unsigned Centroids = 16,
    parameter int unsigned EntryW = 8,
    localparam int unsigned IdxW = $clog2(Centroids)
) (
    input  logic                    clk_i,
    input  logic                    we_i,
    input  logic [          IdxW:0] waddr_i,
    input  logic [      EntryW-1:0] wdata_i,
    input  logic                    half_i,
    input  logic [  Units*IdxW-1:0] index_i,
    output logic [Units*EntryW-1:0] q_o
);
  localparam int unsigned Share = 7;
  localparam int unsigned Groups = (Units + Share - 1) / Share;

  for (genvar g = 0; g < Groups; g++) begin : gen_group
    localparam int unsigned First = g * Share;
    localparam int unsigned Ports = (Units - First < Share) ? Units - First : Share;

    (* ram_style = "distributed" *) logic [EntryW-1:0] mem[2*Centroids];

    always_ff @(posedge clk_i) if (we_i) mem[waddr_i] <= wdata_i;

    always_ff @(posedge clk_i) begin
      for (int unsigned u = 0; u < Ports; u++) begin
        q_o[(First+u)*EntryW+:EntryW] <= mem[{half_i, index_i[(First+u)*IdxW+:IdxW]}];
      end
    end
  end
endmodule
