// hbm2e_master: traffic for one hbm_port, without Python in a cycle. Bursts of beats_i beats, the k-th one at
//   base_i + (random_i ? a random multiple of the burst : k * step_i) mod (mask_i + 1)
// of which writes_i / 256 write. Every word written is word(address), and so must every word read be where check_i = 1.
module hbm2e_master (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         run_i,
    input  logic [ 31:0] seed_i,
    input  logic [ 63:0] base_i,
    input  logic [ 63:0] step_i,
    input  logic [ 63:0] mask_i,
    input  logic         random_i,
    input  logic [  8:0] beats_i,
    input  logic [ 31:0] bursts_i,  // to do
    input  logic [  6:0] limit_i,   // bursts of each kind under way, up to 64
    input  logic [  8:0] writes_i,
    input  logic [  7:0] stall_i,   // holds off rready and wvalid, in 1/256
    input  logic         check_i,
    output logic         done_o,
    output logic [ 31:0] errors_o,  // wrong data, last, id
    output logic [ 31:0] faults_o,  // answers other than OKAY
    output logic [ 63:0] m_axi_araddr,
    output logic [  7:0] m_axi_arlen,
    output logic [  3:0] m_axi_arid,
    output logic         m_axi_arvalid,
    input  logic         m_axi_arready,
    input  logic [  3:0] m_axi_rid,
    input  logic [255:0] m_axi_rdata,
    input  logic [  1:0] m_axi_rresp,
    input  logic         m_axi_rlast,
    input  logic         m_axi_rvalid,
    output logic         m_axi_rready,
    output logic [ 63:0] m_axi_awaddr,
    output logic [  7:0] m_axi_awlen,
    output logic [  3:0] m_axi_awid,
    output logic         m_axi_awvalid,
    input  logic         m_axi_awready,
    output logic [255:0] m_axi_wdata,
    output logic         m_axi_wlast,
    output logic         m_axi_wvalid,
    input  logic         m_axi_wready,
    input  logic [  3:0] m_axi_bid,
    input  logic [  1:0] m_axi_bresp,
    input  logic         m_axi_bvalid,
    output logic         m_axi_bready
);
  function automatic logic [31:0] next_random(input logic [31:0] state);
    logic [31:0] x;
    x = state ^ (state << 13);
    x = x ^ (x >> 17);
    return x ^ (x << 5);
  endfunction

  function automatic logic [255:0] beat(input logic [63:0] addr);
    for (int i = 0; i < 8; i++) beat[32*i+:32] = (addr[33:2] + 32'(i)) * 32'h9e37_79b1;
  endfunction

  logic [31:0] random_q, calm_q, made_q, ended_q;
  logic [63:0] read_addr[64], write_addr[64];
  logic [6:0] ar_q, r_q, aw_q, w_q, b_q;  // bursts: asked, read; asked, sent, answered
  logic [8:0] r_beat_q, w_beat_q;
  logic w_valid_q;

  wire [31:0] pick = next_random(random_q);
  wire [63:0] offset = random_i ? 64'(pick) * 64'(beats_i) * 64'd32 : 64'(made_q) * step_i;
  wire [63:0] addr = base_i + (offset & mask_i);
  wire writes = 9'(random_q[7:0]) < writes_i;
  wire free_ar = !m_axi_arvalid || m_axi_arready;
  wire free_aw = !m_axi_awvalid || m_axi_awready;
  wire room_r = ar_q - r_q < limit_i;
  wire room_w = aw_q - b_q < limit_i;
  wire make = run_i && made_q != bursts_i && (writes ? free_aw && room_w : free_ar && room_r);
  wire r_go = m_axi_rvalid && m_axi_rready;
  wire w_go = m_axi_wvalid && m_axi_wready;
  wire [63:0] r_addr = read_addr[r_q[5:0]] + 64'(r_beat_q) * 32;

  assign m_axi_arlen = 8'(beats_i - 9'd1);
  assign m_axi_awlen = m_axi_arlen;
  assign m_axi_rready = 8'(calm_q) >= stall_i;
  assign m_axi_bready = calm_q[15:8] >= stall_i;
  assign m_axi_wvalid = w_valid_q;
  assign m_axi_wdata = beat(write_addr[w_q[5:0]] + 64'(w_beat_q) * 32);
  assign m_axi_wlast = w_beat_q + 9'd1 == beats_i;
  assign done_o = ended_q == bursts_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      random_q <= seed_i;
      calm_q <= ~seed_i;
      {made_q, ended_q, errors_o, faults_o} <= '0;
      {ar_q, r_q, aw_q, w_q, b_q, r_beat_q, w_beat_q} <= '0;
      {m_axi_arvalid, m_axi_awvalid, w_valid_q} <= '0;
    end else begin
      calm_q <= next_random(calm_q);
      if (m_axi_arready) m_axi_arvalid <= 1'b0;
      if (m_axi_awready) m_axi_awvalid <= 1'b0;
      if (make) begin
        random_q <= pick;
        made_q   <= made_q + 1;
        if (writes) begin
          {m_axi_awvalid, m_axi_awaddr, m_axi_awid} <= {1'b1, addr, aw_q[3:0]};
          write_addr[aw_q[5:0]] <= addr;
          aw_q <= aw_q + 1;
        end else begin
          {m_axi_arvalid, m_axi_araddr, m_axi_arid} <= {1'b1, addr, ar_q[3:0]};
          read_addr[ar_q[5:0]] <= addr;
          ar_q <= ar_q + 1;
        end
      end
      if (r_go) begin
        r_beat_q <= m_axi_rlast ? '0 : r_beat_q + 1;
        if (m_axi_rlast) r_q <= r_q + 1;
        if ((check_i && m_axi_rresp == 0 && m_axi_rdata != beat(r_addr)) || m_axi_rlast != (r_beat_q + 9'd1 == beats_i)
            || m_axi_rid != r_q[3:0] || ar_q == r_q) begin
          errors_o <= errors_o + 1;
        end
      end
      if (w_go) begin
        w_beat_q <= m_axi_wlast ? '0 : w_beat_q + 1;
        if (m_axi_wlast) w_q <= w_q + 1;
      end
      if (!w_valid_q || w_go) w_valid_q <= aw_q != w_q + 7'(w_go && m_axi_wlast) && calm_q[23:16] >= stall_i;
      if (m_axi_bvalid && m_axi_bready) begin
        b_q <= b_q + 1;
        if (m_axi_bid != b_q[3:0] || w_q == b_q) errors_o <= errors_o + 1;
      end
      ended_q <= ended_q + 32'(r_go && m_axi_rlast) + 32'(m_axi_bvalid && m_axi_bready);
      faults_o <= faults_o + 32'(r_go && m_axi_rresp != 0) + 32'(m_axi_bvalid && m_axi_bready && m_axi_bresp != 0);
    end
  end
endmodule
