// linear_synth_fault: the first slice that fails, with its cause and address; of several in one cycle the lowest.
//
// Slices are looked at in groups, so that many of them do not make a long path.
//
// Latency:       3 cycles from error_i to error_o, which stays until clear_i.
// Throughput:    one fault. Never stalls.
//
// Parameters: as in linear_synth
// Ports:
//   error_i  stays until clear_i, and so does what packet_i, cause_i and addr_i say of it
module linear_synth_fault #(
    parameter int unsigned Slices = 2,
    parameter int unsigned AddrW = 64,
    localparam int unsigned SliceW = (Slices > 1) ? $clog2(Slices) : 1
) (
    input  logic                         clk_i,
    input  logic                         rst_ni,
    input  logic                         clear_i,
    input  logic [Slices-1:0]            error_i,
    input  logic [Slices-1:0]            packet_i,
    input  logic [Slices-1:0][      3:0] cause_i,
    input  logic [Slices-1:0][AddrW-1:0] addr_i,
    output logic                         error_o,
    output logic [SliceW-1:0]            slice_o,
    output logic                         packet_o,
    output logic [      3:0]             cause_o,
    output logic [AddrW-1:0]             addr_o
);
  localparam int unsigned PerGroup = (Slices > 8) ? 8 : Slices;
  localparam int unsigned Groups = Slices / PerGroup;

  logic [Groups-1:0] some_q;
  logic [Groups-1:0][SliceW-1:0] first, first_q;  // slice
  logic [SliceW-1:0] lowest;
  logic hit_q;

  always_comb begin
    for (int unsigned g = 0; g < Groups; g++) begin
      first[g] = '0;
      for (int unsigned s = PerGroup; s > 0; s--)
        if (error_i[g*PerGroup+s-1]) first[g] = SliceW'(g * PerGroup + s - 1);
    end
    lowest = '0;
    for (int unsigned g = Groups; g > 0; g--) if (some_q[g-1]) lowest = first_q[g-1];
  end

  always_ff @(posedge clk_i) begin
    first_q <= first;
    for (int unsigned g = 0; g < Groups; g++) some_q[g] <= error_i[g*PerGroup+:PerGroup] != '0;
    if (!hit_q) slice_o <= lowest;
    packet_o <= packet_i[slice_o];
    cause_o  <= cause_i[slice_o];
    addr_o   <= addr_i[slice_o];
    if (!rst_ni || clear_i) begin
      some_q  <= '0;
      hit_q   <= 1'b0;
      error_o <= 1'b0;
    end else begin
      if (some_q != '0) hit_q <= 1'b1;
      error_o <= hit_q;
    end
  end

  a_stays :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i)
      error_o |=> error_o && $stable({slice_o, packet_o, cause_o, addr_o}));
endmodule
