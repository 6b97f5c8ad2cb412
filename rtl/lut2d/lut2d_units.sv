// lut2d_units: the lookup units of one token: row RAMs, adder trees, narrow running sums and the drain register.
//
//   stage 1   a[l][u]  = row[l][half][index[l][u]]                       (LUTRAM, registered)
//   stage 2   s[u]     = sum over lanes of a[l][u];  r[u] = gate ? 0 : narrow[addr][u]
//             hold     = narrow[addr]  if load                           (the sums that leave, before they restart)
//   stage 3   n[u]     = r[u] + s[u]
//   stage 4   narrow[addr][u] <- n[u]
//
// Formats:    entries EntryW, narrow sums NarrowW, both two's complement. The controller restarts a sum (gate)
//             before NarrowW can overflow; asserted here.
// Layout:     narrow memory: word {bank, slot} holds the sums of all units, unit u at [u*NarrowW +: NarrowW].
// Latency:    index_i and the stage-1 controls arrive together; hold_q is new two cycles later.
// Hazard:     two lookups of the same address must be three cycles apart (the controller's duty).
// Drain:      value_o <- the DrainW sums number drain_sel_i of hold, in two steps when drain_en_i: first by the upper
//             bits of the number, one enabled cycle later by the lower two (drain_pick_i); zero unless drain_mine_i.
//
// Parameters: see lut2d.
module lut2d_units #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 16,
    parameter int unsigned Centroids = 16,
    parameter int unsigned EntryW = 8,
    parameter int unsigned NarrowW = 14,
    parameter int unsigned DrainW = 2,
    localparam int unsigned IdxW = $clog2(Centroids),
    localparam int unsigned SlotW = (Slots > 1) ? $clog2(Slots) : 1,
    localparam int unsigned SelN = Units / DrainW,
    localparam int unsigned SelW = $clog2(SelN)
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic                           row_we_i,
    input  logic [                 IdxW:0] row_addr_i,
    input  logic [       Lanes*EntryW-1:0] row_data_i,
    input  logic                           half_i,
    input  logic [   Lanes*Units*IdxW-1:0] index_i,
    input  logic                           valid_i,
    input  logic                           gate_i,
    input  logic                           load_i,
    input  logic [                SlotW:0] addr_i,
    input  logic [               SelW-1:0] drain_sel_i,
    input  logic [                    1:0] drain_pick_i,
    input  logic                           drain_mine_i,
    input  logic                           drain_en_i,
    output logic [     DrainW*NarrowW-1:0] value_o
);
  localparam int unsigned ValueW = DrainW * NarrowW;
  localparam int unsigned SumW = EntryW + $clog2(Lanes);

  logic [Lanes*Units*EntryW-1:0] a_q;

  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    lut2d_row_ram #(
        .Units    (Units),
        .Centroids(Centroids),
        .EntryW   (EntryW)
    ) i_row (
        .clk_i,
        .we_i   (row_we_i),
        .waddr_i(row_addr_i),
        .wdata_i(row_data_i[l*EntryW+:EntryW]),
        .half_i,
        .index_i(index_i[l*Units*IdxW+:Units*IdxW]),
        .q_o    (a_q[l*Units*EntryW+:Units*EntryW])
    );
  end

  // Stage 2 and 3 run freely: only the write at the end needs to know whether they carry a lookup.
  logic valid_q2, valid_q3, valid_q4;
  logic gate_q2, load_q2;
  logic [SlotW:0] addr_q2, addr_q3, addr_q4;
  logic [Units*NarrowW-1:0] read, r_q, n_d, n_q, hold_q;
  logic [Units*SumW-1:0] s_d, s_q;
  logic [4*ValueW-1:0] four_q;
  wire [SelW-1:0] drain_four = drain_sel_i >> 2;

  (* ram_style = "distributed" *)logic [Units*NarrowW-1:0] narrow[2<<SlotW];

  always_comb begin
    for (int unsigned u = 0; u < Units; u++) begin
      s_d[u*SumW+:SumW] = '0;
      for (int unsigned l = 0; l < Lanes; l++) begin
        s_d[u*SumW+:SumW] = s_d[u*SumW+:SumW] + SumW'($signed(a_q[(l*Units+u)*EntryW+:EntryW]));
      end
      n_d[u*NarrowW+:NarrowW] = r_q[u*NarrowW+:NarrowW] + NarrowW'($signed(s_q[u*SumW+:SumW]));
    end
  end

  assign read = narrow[addr_q2];

  always_ff @(posedge clk_i) begin
    gate_q2 <= gate_i;
    addr_q2 <= addr_i;
    addr_q3 <= addr_q2;
    addr_q4 <= addr_q3;
    s_q     <= s_d;
    n_q     <= n_d;
    if (gate_q2) r_q <= '0;
    else r_q <= read;
    if (load_q2) hold_q <= read;
    if (valid_q4) narrow[addr_q4] <= n_q;
    if (drain_en_i) begin
      four_q  <= hold_q[drain_four*4*ValueW+:4*ValueW];
      value_o <= drain_mine_i ? four_q[drain_pick_i*ValueW+:ValueW] : '0;
    end
    if (!rst_ni) begin
      load_q2  <= 1'b0;
      valid_q2 <= 1'b0;
      valid_q3 <= 1'b0;
      valid_q4 <= 1'b0;
    end else begin
      load_q2  <= load_i;
      valid_q2 <= valid_i;
      valid_q3 <= valid_q2;
      valid_q4 <= valid_q3;
    end
  end

`ifndef SYNTHESIS
  for (genvar u = 0; u < Units; u++) begin : gen_check
    wire r_sign = r_q[u*NarrowW+NarrowW-1];
    wire s_sign = s_q[u*SumW+SumW-1];
    a_narrow_fits :
    assert property (@(posedge clk_i) disable iff (!rst_ni)
        valid_q3 && r_sign == s_sign |-> n_d[u*NarrowW+NarrowW-1] == r_sign);
  end
`endif
  a_hazard :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      (valid_q2 || load_q2) |-> !(valid_q3 && addr_q3 == addr_q2) && !(valid_q4 && addr_q4 == addr_q2));
endmodule
